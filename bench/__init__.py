"""The benchmarks: the product beside the peers it is measured against."""
