"""The steps that Airflow and spark-submit run: arguments in, report out."""
