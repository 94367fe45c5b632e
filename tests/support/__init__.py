"""What tests are made of: servers started for them, makers of data, components of a recipe."""
