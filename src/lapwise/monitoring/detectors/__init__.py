"""One detector a file: a frozen noun of the page, and how it judges a window of days."""
