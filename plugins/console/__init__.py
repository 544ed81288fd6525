"""Log-in, write order, checks and REST routes that the product adds to Airflow's api-server."""
