grant select on public.ready_answers to upshot_reader
