"""How a request of any client comes in: proxy, certificates, gRPC, and the application that picks a service."""
