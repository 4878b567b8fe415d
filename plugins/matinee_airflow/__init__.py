"""The Airflow side of Matinee: names and edges; the work is done by `matinee` in jobs."""
