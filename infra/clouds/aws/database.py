"""PostgreSQL (RDS): private, encrypted, TLS only, and no password that anybody here ever sees.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_BestPractices.Security.html
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.keys import Keys
from infra.clouds.aws.logs import log_group
from infra.clouds.aws.network import Network
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ec2, iam, rds, vpc
from infra.config.grounds.aws import Database as DatabaseConfig

PORT = 5432
#: What the server must do whatever a client asks; CIS PostgreSQL Benchmark, 3 (logging).
_PARAMETERS = {
    "log_connections": "1",
    "log_disconnections": "1",
    "log_statement": "ddl",
    "pgaudit.log": "role,ddl",
    "rds.force_ssl": "1",
    "shared_preload_libraries": "pg_stat_statements,pgaudit",
    "ssl_min_protocol_version": "TLSv1.2",
}
#: Read only when the server starts.
_STATIC = frozenset({"shared_preload_libraries"})
_LOGS = ("postgresql", "upgrade")
#: Seconds between two measurements of the operating system.
_MONITORING = 60
#: Days of performance insights; the longest without a fee of its own.
_INSIGHTS = 7


class Database(Part):
    """One instance with a standby in another zone."""

    def __init__(
        self,
        place: Place,
        network: Network,
        keys: Keys,
        config: DatabaseConfig,
        *,
        clients: Sequence[IPv4Network],
        log_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Database", place, opts)
        name, tags = place.name("database"), place.tags(place.name("database"))
        groups = [
            log_group(
                self,
                f"database-{log}",
                f"/aws/rds/instance/{name}/{log}",
                key=keys["logs"],
                days=log_days,
            )
            for log in _LOGS
        ]
        subnets = rds.SubnetGroup(
            place.name("database"),
            name=name,
            description=f"Private subnets for the database of lab {place.lab}",
            subnet_ids=[subnet.id for subnet in network.subnets("data")],
            tags=tags,
            opts=self.made(),
        )
        parameters = rds.ParameterGroup(
            place.name("database"),
            name=name,
            family=f"postgres{config.version.partition('.')[0]}",
            description="TLS only, and a log of who did what",
            parameters=[
                {
                    "name": key,
                    "value": value,
                    "apply_method": "pending-reboot" if key in _STATIC else "immediate",
                }
                for key, value in _PARAMETERS.items()
            ],
            tags=tags,
            opts=self.made(),
        )
        self.instance = rds.Instance(
            place.name("database"),
            identifier=name,
            engine="postgres",
            engine_version=config.version,
            instance_class=config.instance_class,
            allocated_storage=config.storage,
            max_allocated_storage=config.storage_limit,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=keys["database"].arn,
            username="lab",
            # RDS makes it, keeps it in Secrets Manager and turns it every week.
            manage_master_user_password=True,
            master_user_secret_kms_key_id=keys["database"].arn,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self._group(network, clients).id],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            multi_az=True,
            port=PORT,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            backup_retention_period=config.backups,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            deletion_protection=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"{name}-last",
            auto_minor_version_upgrade=True,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=keys["database"].arn,
            performance_insights_retention_period=_INSIGHTS,
            monitoring_interval=_MONITORING,
            monitoring_role_arn=self._monitoring_role().arn,
            enabled_cloudwatch_logs_exports=list(_LOGS),
            tags=tags,
            opts=self.kept(*groups),
        )
        self.register_outputs({})

    def _group(self, network: Network, clients: Sequence[IPv4Network]) -> ec2.SecurityGroup:
        name = self.place.name("database")
        group = ec2.SecurityGroup(
            self.place.name("database"),
            name=name,
            description="PostgreSQL for the cluster's pods",
            vpc_id=network.vpc.id,
            tags=self.place.tags(name),
            opts=self.made(),
        )
        for range_ in clients:
            vpc.SecurityGroupIngressRule(
                self.place.name(f"database-from-{range_}"),
                security_group_id=group.id,
                description="PostgreSQL from the cluster's pods",
                cidr_ipv4=str(range_),
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                tags=self.place.tags(name),
                opts=self.made(),
            )
        return group

    def _monitoring_role(self) -> iam.Role:
        name = self.place.name("database-monitoring")
        role = iam.Role(
            self.place.name("database-monitoring"),
            name=name,
            description="Measures the database's operating system",
            assume_role_policy=policies.trust(
                "monitoring.rds.amazonaws.com", account=self.place.account
            ),
            tags=self.place.tags(name),
            opts=self.made(),
        )
        iam.RolePolicyAttachment(
            self.place.name("database-monitoring"),
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=self.made(),
        )
        return role
