"""Cloud Storage's JSON API over a folder of plain files."""
