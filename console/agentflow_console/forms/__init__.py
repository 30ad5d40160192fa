"""Forms: what lies over a screen and takes the keyboard until it is answered."""
