"""`make demo`: one whole turn of the loop on the local platform, shown step by step."""
