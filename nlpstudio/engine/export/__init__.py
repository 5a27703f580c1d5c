"""Models for other engines: ONNX, fused and in eight bits, with the proof that they answer alike."""
