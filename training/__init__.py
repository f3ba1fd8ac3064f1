"""Training: rows and labels in; tuned, calibrated, evaluated and registered churn models out."""
