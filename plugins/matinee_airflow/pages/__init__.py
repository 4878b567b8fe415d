"""Pages in Airflow's UI: rendered on the server from what is derived of the lake."""
