"""What people look at: HTML reports, pictures, figures and maps."""
