nginx 2>/dev/null
exec sleep infinity
