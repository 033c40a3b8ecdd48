"""Archives and stores of audit logs: Parquet in a folder or on S3, ClickHouse, Loki, raw logs on S3.

The law of the nodes holds here, too: the search runs where the logs are, only matching lines travel, and the
reasoning stays on this machine. `port.py` has what a store can be asked, `logs.py` makes of any store a `LogSource`.
Everything that becomes part of a query goes through one function, `sql.literal`.
"""
