"""The domain: plain Python that never imports Airflow."""
