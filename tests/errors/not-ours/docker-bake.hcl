target "server" {
  dockerfile = "Dockerfile"
}
