package reports

import "slices"

// The reports of the business.

func businessReports() []Report {
	return slices.Concat(sellerReports(), []Report{creatorPayments(), fees(), taxReport(), payoutRegister(), coverageReport(), safeguardingReport()}, reconReports(), []Report{trailReport()})
}
