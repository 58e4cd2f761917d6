"""Statistics and exports (核验结果统计导出): counted and written from the verified records of all units."""
