"""The file system adapter: writes rendered files where people asked for them."""
