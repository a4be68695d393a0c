"""What a data set is to the rest of the project, and the registry of data sets."""
