"""The original study's pickles into stores."""
