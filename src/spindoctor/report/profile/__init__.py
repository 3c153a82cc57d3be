"""A profile in the forms that other tools read: one file for each, `Profile -> bytes`."""
