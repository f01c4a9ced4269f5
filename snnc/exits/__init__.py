"""Fitting exit policies to labelled data, and measuring them on recorded read-outs."""
