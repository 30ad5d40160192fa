"""What-if from the command line, and how its reports are written side by side."""
