FROM flynn/build AS build
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends cargo && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN cargo build --release --locked --offline --config 'source.crates-io.replace-with="vendored"' --config 'source.vendored.directory="vendor"'

FROM flynn/run
WORKDIR /app
COPY --from=build /app/target/release/shop .
USER app
CMD ["./shop"]
