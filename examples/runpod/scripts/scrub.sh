rm --recursive --force /var/lib/apt/lists/*
