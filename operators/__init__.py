"""What one task is: operators, sensors and triggers, one folder per area."""
