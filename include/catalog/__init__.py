"""The function catalogue: which function of the product works today, by what, shown by which test."""
