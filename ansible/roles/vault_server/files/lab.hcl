# What the lab's Pulumi provider needs: engines, auth methods, policies, roles, keys, audit devices.
# It cannot itself make root tokens, seal Vault, read its raw storage, or change its own way in. But
# Vault does not look into the policies that it writes: a thief of it could make a role with more
# rights, in two steps that the audit log shows (docs/threat-model.md).

path "sys/mounts"            { capabilities = ["read"] }
path "sys/mounts/*"          { capabilities = ["create", "read", "update", "delete"] }
path "sys/auth"              { capabilities = ["read"] }
path "sys/auth/*"            { capabilities = ["create", "read", "update", "delete", "sudo"] }
path "sys/policies/acl"      { capabilities = ["list"] }
path "sys/policies/acl/*"    { capabilities = ["create", "read", "update", "delete"] }
path "sys/audit"             { capabilities = ["read", "sudo"] }
path "sys/audit/*"           { capabilities = ["create", "read", "update", "delete", "sudo"] }
path "sys/audit-hash/*"      { capabilities = ["update"] }
path "sys/internal/ui/mounts/*" { capabilities = ["read"] }

# Keys are made, rotated and deleted, but nothing is encrypted or decrypted with them.
path "transit/keys"          { capabilities = ["list"] }
path "transit/keys/*"        { capabilities = ["create", "read", "update", "delete"] }
# Secrets are put in place and removed, but not read back.
path "kv/config"             { capabilities = ["create", "read", "update"] }
path "kv/data/*"             { capabilities = ["create", "update"] }
path "kv/metadata/*"         { capabilities = ["create", "read", "update", "delete", "list"] }
# Roles say who may have which certificate; the lab itself takes none.
path "pki/root/generate/*"   { capabilities = ["create", "update"] }
path "pki/config/*"          { capabilities = ["create", "read", "update"] }
path "pki/roles"             { capabilities = ["list"] }
path "pki/roles/*"           { capabilities = ["create", "read", "update", "delete"] }
path "pki-database/root/generate/internal" { capabilities = ["create", "update"] }
path "pki-database/root"     { capabilities = ["delete", "sudo"] }
path "pki-database/issuers"  { capabilities = ["list"] }
path "pki-database/cert/ca"  { capabilities = ["read"] }
path "pki-database/roles"    { capabilities = ["list"] }
path "pki-database/roles/*"  { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt/config"       { capabilities = ["create", "read", "update"] }
path "auth/jwt/role"         { capabilities = ["list"] }
path "auth/jwt/role/*"       { capabilities = ["create", "read", "update", "delete"] }
# Further grounds of a hybrid lab: each cluster has a method of its own.
path "auth/jwt-aws/config"   { capabilities = ["create", "read", "update"] }
path "auth/jwt-aws/role"     { capabilities = ["list"] }
path "auth/jwt-aws/role/*"   { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt-azure/config" { capabilities = ["create", "read", "update"] }
path "auth/jwt-azure/role"   { capabilities = ["list"] }
path "auth/jwt-azure/role/*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/cert/config"      { capabilities = ["create", "read", "update"] }
path "auth/cert/certs"       { capabilities = ["list"] }
path "auth/cert/certs/*"     { capabilities = ["create", "read", "update", "delete"] }
path "auth/approle/role"     { capabilities = ["list"] }
path "auth/approle/role/*"   { capabilities = ["create", "read", "update", "delete", "list"] }

# Its own way in, and the audit log of what it does, are out of its reach.
path "sys/policies/acl/lab"   { capabilities = ["read"] }
path "sys/auth/approle"       { capabilities = ["read"] }
path "sys/mounts/auth/approle/*" { capabilities = ["read"] }
path "auth/approle/role/lab"  { capabilities = ["read"] }
path "auth/approle/role/lab/*" { capabilities = ["read"] }
path "sys/audit/file"         { capabilities = ["create", "read", "update", "sudo"] }

# Never, whatever another policy of the same token says (deny wins).
path "sys/raw/*"              { capabilities = ["deny"] }
path "sys/generate-root/*"    { capabilities = ["deny"] }
path "sys/rekey/*"            { capabilities = ["deny"] }
path "sys/rotate"             { capabilities = ["deny"] }
path "sys/rotate/*"           { capabilities = ["deny"] }
path "sys/seal"               { capabilities = ["deny"] }
path "sys/step-down"          { capabilities = ["deny"] }
path "sys/storage/*"          { capabilities = ["deny"] }
path "sys/remount"            { capabilities = ["deny"] }
