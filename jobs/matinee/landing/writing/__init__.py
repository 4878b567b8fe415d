"""Writing of a batch: its files are read, judged and written as data files, by processes that know no catalog."""
