"""The dense parts of a network as ONNX files."""
