"""The service: gRPC over the active versions of served datasets."""
