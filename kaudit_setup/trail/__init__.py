"""What an audit log says: typed events, rotated and compressed files, search, who, replay."""
