FROM flynn/run
USER root
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends caddy && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
USER app
CMD ["caddy", "file-server", "--listen", ":8080", "--root", "dist"]
