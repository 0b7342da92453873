"""What people test their workflows with."""
