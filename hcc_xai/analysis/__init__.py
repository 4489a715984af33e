"""The answer about a picture, and the questions and challenges put to it."""
