"""Problems answered by kernels: lowering, and the engines with one clock and with none."""
