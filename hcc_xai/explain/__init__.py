"""Why: the maps, and the tests of whether they tell the truth."""
