"""The page of a matrix: one HTML file with its data, and the front end that shows it."""
