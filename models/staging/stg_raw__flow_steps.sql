with source as (
    select * from {{ source('raw', 'flow_steps') }}
),

flows as (
    select * from {{ ref('stg_raw__flows') }}
),

renamed as (
    select
        ---------- ids
        source.account_id,
        source.flow_id,
        source.step_id,
        source.event_id,

        ---------- text
        source.title,

        ---------- numbers
        source.position,

        ---------- booleans
        -- A step that the flow has dropped keeps the event that last named it.
        flows.event_id is not null as is_current,

        ---------- timestamps
        source.occurred_at,
        source.received_at
    from source
    left join flows
        on
            source.account_id = flows.account_id
            and source.flow_id = flows.flow_id
            and source.event_id = flows.event_id
)

select * from renamed
