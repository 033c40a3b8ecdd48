"""An embedded throw-away control-plane node for the demo and the flow tests."""
