select model from live.models
order by model
