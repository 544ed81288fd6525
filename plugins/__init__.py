"""What Airflow loads to show and guard the product."""
