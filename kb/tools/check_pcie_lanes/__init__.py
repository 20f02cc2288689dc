"""The tool `check_pcie_lanes`."""
