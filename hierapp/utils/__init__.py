"""Files, processes, devices, archives: nothing about hierarchies."""
