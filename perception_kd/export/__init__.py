"""Trained networks for other stacks, as folders and as ONNX; import of weights."""
