"""The interfaces of the service: `.proto` files, and what the compiler made of them (`make protos`)."""
