"""The laboratory: tables in, studies run, what they measured shown."""
