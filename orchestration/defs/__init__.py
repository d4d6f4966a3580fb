"""What Dagster loads by itself: one kind of definition per file.

A file with a function under @dg.definitions gives only what that function
returns. Dagster does not see anything else in it, and does not say so.
"""
