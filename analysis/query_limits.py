"""What a query may take and how it is answered, for the help of the command line, which computes nothing."""

FORMATS = ("table", "csv", "json", "parquet")
MOST_SECONDS, MOST_GIGABYTES, MOST_ANSWER_GIGABYTES = 60, 4, 1  # of a query, of its work, and of what it answers
LIMITS = (
    f"A query may take {MOST_SECONDS} seconds and {MOST_GIGABYTES} GB of memory, and answer with "
    f"{MOST_ANSWER_GIGABYTES} GB; it sees the tables, and no files"
)
