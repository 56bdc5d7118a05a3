//! SQL Server as a migration source: .bacpac files.
